import { useSignal } from '@preact/signals';
import { api } from '../api';
import type { RepositoryRecord } from '../types';
import { Action } from './action';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SHORTEST_BYTES = 4; // the server refuses what it could not mask
const utf8 = new TextEncoder();

/** Names of secrets, never values: what was set can be replaced or deleted, not read. */
export function SecretForm({ repository, reload }: { repository: RepositoryRecord; reload: () => Promise<void> }) {
  const name = useSignal('');
  const value = useSignal('');
  const nameIsWrong = name.value !== '' && !NAME.test(name.value);
  const valueIsShort = value.value !== '' && utf8.encode(value.value).length < SHORTEST_BYTES;
  return (
    <>
      <p class="muted">
        Each is an environment variable of every job, and masked in its log. A value is never shown again.
      </p>
      {repository.secretNames.length > 0 && (
        <ul class="secrets">
          {repository.secretNames.map((secret) => (
            <li key={secret}>
              <code>{secret}</code>
              <Action
                kind="quiet"
                confirm={`Delete the secret ${secret}?`}
                run={async () => {
                  await api.removeSecret(repository.id, secret);
                  await reload();
                }}
              >
                Delete<span class="sr-only"> {secret}</span>
              </Action>
            </li>
          ))}
        </ul>
      )}
      <div class="form inline">
        <label>
          <span>Name</span>
          <input
            name="secret-name"
            value={name.value}
            placeholder="API_TOKEN"
            autocomplete="off"
            spellcheck={false}
            aria-invalid={nameIsWrong}
            onInput={(event) => {
              name.value = event.currentTarget.value;
            }}
          />
          {nameIsWrong && <small class="trouble">letters, digits and _, not a digit first</small>}
        </label>
        <label>
          <span>Value</span>
          <textarea
            name="secret-value"
            rows={1}
            value={value.value}
            autocomplete="off"
            spellcheck={false}
            aria-invalid={valueIsShort}
            onInput={(event) => {
              value.value = event.currentTarget.value;
            }}
          />
          {valueIsShort && (
            <small class="trouble">at least {SHORTEST_BYTES} bytes: shorter ones cannot be masked</small>
          )}
        </label>
        <Action
          disabled={!NAME.test(name.value) || value.value === '' || valueIsShort}
          run={async () => {
            await api.setSecret(repository.id, name.value, value.value);
            name.value = '';
            value.value = '';
            await reload();
          }}
        >
          Set secret
        </Action>
      </div>
    </>
  );
}
