import { signal } from '@preact/signals';

/** Where the reader is. Changes by links, by the browser's buttons, and by `go`. */
export const place = signal({ path: location.pathname, search: location.search, hash: location.hash });

function look() {
  place.value = { path: location.pathname, search: location.search, hash: location.hash };
}

export function go(address: string) {
  history.pushState(null, '', address);
  look();
  scrollTo(0, 0);
}

/** Changes the address without a step back to it: lines picked, filters set. */
export function settle(address: string) {
  history.replaceState(null, '', address);
  look();
}

/** Links stay links (middle click, copy, no script): only a plain click on a page of ours is taken over. */
export function followLinks(isPage: (path: string) => boolean) {
  addEventListener('popstate', look);
  addEventListener('hashchange', look);
  document.addEventListener('click', (event) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.origin !== location.origin || link.target || link.hasAttribute('download')) return;
    if (!isPage(link.pathname) || (link.hash && link.pathname === location.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
