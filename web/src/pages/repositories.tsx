import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, Refusal } from '../api';
import { repositoryPath } from '../lib/links';
import { inWords, SignInHint } from '../parts/action';
import { Copy } from '../parts/copy';
import { Outcome } from '../parts/deliveries';
import { NothingYet, Notice, useTitle } from '../parts/page-state';
import { Ago } from '../parts/time';
import { SIGN_IN_HINT, session } from '../session';
import type { RepositoryRecord } from '../types';

export function RepositoriesPage() {
  const all = useSignal<RepositoryRecord[] | null>(null);
  const refusal = useSignal<Refusal | null>(null);
  const added = useSignal<{ repository: RepositoryRecord; secret: string } | null>(null);
  useTitle('Repositories');

  const load = () =>
    api.repositories().then(
      (repositories) => {
        all.value = repositories;
      },
      (error) => {
        refusal.value = error instanceof Refusal ? error : new Refusal(0, String(error), null);
      },
    );
  useEffect(() => {
    load();
  }, []);

  if (!all.value) return <NothingYet what="Repositories" refusal={refusal.value} />;
  return (
    <section class="page">
      <h1>Repositories</h1>
      <SignInHint />
      {added.value && <Added {...added.value} />}
      {all.value.length === 0 ? (
        <p class="empty">None yet. Add one below: TestGrid answers with the webhook's address and its secret.</p>
      ) : (
        <ul class="repositories">
          {all.value.map((repository) => (
            <li key={repository.id}>
              <a href={repositoryPath(repository.id)}>{repository.slug}</a>
              <span class="muted">{repository.url}</span>
              <LastDelivery repository={repository} />
            </li>
          ))}
        </ul>
      )}
      <AddForm
        onAdded={(answer) => {
          added.value = answer;
          load();
        }}
      />
    </section>
  );
}

function LastDelivery({ repository }: { repository: RepositoryRecord }) {
  const delivery = repository.lastDelivery;
  if (!delivery) return <span class="muted">no delivery yet</span>;
  return (
    <span>
      <Outcome outcome={delivery.outcome} /> <Ago at={delivery.receivedAt} />
    </span>
  );
}

/** The secret is told this once: the server keeps it where nobody can read it back. */
function Added({ repository, secret }: { repository: RepositoryRecord; secret: string }) {
  return (
    <Notice kind="note" title={`${repository.slug} is registered`}>
      <p>Give these two to your git host. The secret is shown this once.</p>
      <dl class="pairs">
        <dt>Webhook address</dt>
        <dd>
          <code>{repository.webhookUrl}</code> <Copy text={repository.webhookUrl} what="webhook address" />
        </dd>
        <dt>Secret</dt>
        <dd>
          <code>{secret}</code> <Copy text={secret} what="secret" />
        </dd>
      </dl>
      <p>
        Then <a href={repositoryPath(repository.id)}>send a test delivery</a>.
      </p>
    </Notice>
  );
}

function AddForm({ onAdded }: { onAdded: (answer: { repository: RepositoryRecord; secret: string }) => void }) {
  const url = useSignal('');
  const slug = useSignal('');
  const busy = useSignal(false);
  const trouble = useSignal<string | null>(null);
  const mayWrite = session.value?.signedIn ?? false;

  const add = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    trouble.value = null;
    try {
      onAdded(await api.addRepository(url.value.trim(), slug.value.trim() || null));
      url.value = '';
      slug.value = '';
    } catch (error) {
      trouble.value = inWords(error);
    } finally {
      busy.value = false;
    }
  };

  return (
    <form class="form" onSubmit={add}>
      <h2>Add a repository</h2>
      <label>
        <span>Address</span>
        <input
          name="url"
          required
          value={url.value}
          placeholder="https://git.example.org/owner/name"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => {
            url.value = event.currentTarget.value;
          }}
        />
        <small>https, ssh, or the absolute path of a repository on the server's machine</small>
      </label>
      <label>
        <span>Name (optional)</span>
        <input
          name="slug"
          value={slug.value}
          placeholder="owner/name"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => {
            slug.value = event.currentTarget.value;
          }}
        />
        <small>taken from the address if left empty</small>
      </label>
      <button
        type="submit"
        class="primary"
        disabled={!mayWrite || busy.value}
        title={mayWrite ? undefined : SIGN_IN_HINT}
      >
        Add
      </button>
      <p class="trouble" role="status">
        {trouble.value}
      </p>
    </form>
  );
}
