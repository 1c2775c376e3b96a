import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, buildIdOf, Refusal } from '../api';
import { buildPath, safeHref } from '../lib/links';
import { Action, SignInHint } from '../parts/action';
import { Copy } from '../parts/copy';
import { Deliveries } from '../parts/deliveries';
import { NothingYet, useTitle } from '../parts/page-state';
import { SecretForm } from '../parts/secret-form';
import { Ago } from '../parts/time';
import { go } from '../place';
import type { PageProps } from '../routes';
import type { DeliveryRecord, PullRequestRule, RepositoryRecord } from '../types';

/** How often deliveries are looked at while the page is open: somebody watches for the first to arrive. */
const LOOK_EVERY = 3000;

export function RepositoryPage({ id }: PageProps) {
  const repository = useSignal<RepositoryRecord | null>(null);
  const deliveries = useSignal<DeliveryRecord[]>([]);
  const refusal = useSignal<Refusal | null>(null);

  const load = async () => {
    try {
      const [found, received] = await Promise.all([api.repository(Number(id)), api.deliveries(Number(id))]);
      repository.value = found;
      deliveries.value = received;
    } catch (error) {
      if (!repository.value) refusal.value = error instanceof Refusal ? error : new Refusal(0, String(error), null);
    }
  };
  useEffect(() => {
    load();
    const timer = setInterval(() => {
      if (!document.hidden) load();
    }, LOOK_EVERY);
    return () => clearInterval(timer);
  }, []);

  if (!repository.value) return <NothingYet what="Repository" refusal={refusal.value} />;
  return <Shown repository={repository.value} deliveries={deliveries.value} reload={load} />;
}

interface ShownProps {
  repository: RepositoryRecord;
  deliveries: DeliveryRecord[];
  reload: () => Promise<void>;
}

function Shown({ repository, deliveries, reload }: ShownProps) {
  useTitle(repository.slug);
  // A path of the server's machine is no address of this site.
  const href = repository.url.startsWith('/') ? null : safeHref(repository.url);
  return (
    <section class="page">
      <header class="head">
        <nav class="crumbs" aria-label="Where you are">
          <a href="/repositories">Repositories</a>
          <span aria-hidden="true">/</span>
          <span>{repository.slug}</span>
        </nav>
        <h1>{repository.slug}</h1>
        <p class="facts">
          {href ? (
            <a href={href} rel="noreferrer">
              {repository.url}
            </a>
          ) : (
            <code>{repository.url}</code>
          )}
          <span>
            registered <Ago at={repository.createdAt} />
          </span>
          <a href={`/?repository=${encodeURIComponent(repository.slug)}`}>its builds</a>
        </p>
      </header>
      <SignInHint />
      <StartBuild repository={repository} />

      <h2>Webhook</h2>
      <Webhook repository={repository} />

      <div class="section-head">
        <h2>Deliveries</h2>
        <Action
          run={async () => {
            await api.sendTest(repository.id);
            await reload();
          }}
        >
          Send test
        </Action>
      </div>
      <Deliveries deliveries={deliveries} />

      <h2>Pull requests</h2>
      <PullRequests repository={repository} reload={reload} />

      <h2>Secrets</h2>
      <SecretForm repository={repository} reload={reload} />

      <h2>Remove</h2>
      <p class="muted">No more builds start from it; those it had stay.</p>
      <Action
        kind="danger"
        confirm={`Remove ${repository.slug}? Its webhook address and its secrets are gone for good.`}
        run={async () => {
          await api.removeRepository(repository.id);
          go('/repositories');
        }}
      >
        Remove {repository.slug}
      </Action>
    </section>
  );
}

function Webhook({ repository }: { repository: RepositoryRecord }) {
  const secret = useSignal<string | null>(null);
  return (
    <dl class="pairs">
      <dt>Address</dt>
      <dd>
        <code>{repository.webhookUrl}</code> <Copy text={repository.webhookUrl} what="webhook address" />
      </dd>
      <dt>Secret</dt>
      <dd>
        {secret.value === null ? (
          <span class="muted">shown once, when the repository was added</span>
        ) : (
          <>
            <code>{secret.value}</code> <Copy text={secret.value} what="secret" />{' '}
            <span class="muted">shown this once</span>
          </>
        )}{' '}
        <Action
          kind="quiet"
          confirm="Make a new secret? Deliveries signed with the old one are refused from then on."
          run={async () => {
            secret.value = (await api.renewHookSecret(repository.id)).secret;
          }}
        >
          New secret
        </Action>
      </dd>
      <dt>Send</dt>
      <dd class="muted">pushes and pull requests, as application/json</dd>
    </dl>
  );
}

const RULES: Record<PullRequestRule, string> = {
  none: 'none',
  own: 'those of its own branches',
  all: 'forks’ too: strangers’ programs, without secrets',
};

function PullRequests({ repository, reload }: { repository: RepositoryRecord; reload: () => Promise<void> }) {
  const wish = useSignal<PullRequestRule>(repository.pullRequests);
  return (
    <div class="form inline">
      <label>
        <span>Built are</span>
        <select
          name="pullRequests"
          value={wish.value}
          onChange={(event) => {
            wish.value = event.currentTarget.value as PullRequestRule;
          }}
        >
          {(Object.keys(RULES) as PullRequestRule[]).map((rule) => (
            <option key={rule} value={rule}>
              {RULES[rule]}
            </option>
          ))}
        </select>
      </label>
      <Action
        run={async () => {
          await api.changeRepository(repository.id, { pullRequests: wish.value });
          await reload();
        }}
      >
        Save
      </Action>
    </div>
  );
}

function StartBuild({ repository }: { repository: RepositoryRecord }) {
  const branch = useSignal('');
  return (
    <div class="form inline">
      <label>
        <span>Branch</span>
        <input
          name="branch"
          value={branch.value}
          placeholder="the default branch"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => {
            branch.value = event.currentTarget.value;
          }}
        />
      </label>
      <Action
        kind="primary"
        run={async () => {
          const build = buildIdOf(await api.startBuild(repository.slug, branch.value.trim() || null));
          go(build === null ? `/?repository=${encodeURIComponent(repository.slug)}` : buildPath(build));
        }}
      >
        Start a build
      </Action>
    </div>
  );
}
