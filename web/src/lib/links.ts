/** An address that a link may lead to: this server's own pages, or https. Everything else is shown as text. */
export function safeHref(address: string): string | null {
  try {
    const url = new URL(address, location.origin);
    return url.protocol === 'https:' || url.origin === location.origin ? url.href : null;
  } catch {
    return null;
  }
}

export const buildPath = (id: number) => `/builds/${id}`;
export const jobPath = (id: string) => `/jobs/${encodeURIComponent(id)}`;
export const repositoryPath = (id: number) => `/repositories/${id}`;
