import { signal } from '@preact/signals';
import { api } from './api';
import type { Session } from './types';

/** Null until the server said. */
export const session = signal<Session | null>(null);

export const SIGN_IN_HINT = 'Sign in with the link that `testgrid up` printed, or `testgrid signin`.';

export async function loadSession() {
  session.value = await api.session().catch(() => null);
}
