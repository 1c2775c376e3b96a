import { useEffect, useRef } from 'preact/hooks';
import { connection } from './live';
import { Condition } from './parts/condition';
import { place } from './place';
import { match } from './routes';
import { SIGN_IN_HINT, session } from './session';

export function App() {
  const { path } = place.value;
  const found = match(path);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);

  useEffect(() => {
    // After a step inside the page, a screen reader starts where the new page does; on the first load the browser does.
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [path]);

  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <TopBar path={path} />
      <Condition />
      <main id="main" ref={main} tabIndex={-1}>
        {found ? <found.page key={path} id={found.id} /> : <NotFound path={path} />}
      </main>
    </>
  );
}

function TopBar({ path }: { path: string }) {
  const here = (at: string, under: string) =>
    path === at || path.startsWith(under) ? ({ 'aria-current': 'page' } as const) : {};
  return (
    <header class="top">
      <a class="brand" href="/" aria-label="TestGrid">
        <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
          <path class="brand-cell" d="M1 2.5h5.5V7H1zM9.5 2.5H15V7H9.5zM1 9.5h5.5V14H1z" />
          <path class="brand-cross" d="m10 10 4.5 4m0-4L10 14" />
        </svg>
        <span>TestGrid</span>
      </a>
      <nav aria-label="Main">
        <a href="/" {...here('/', '/builds/')}>
          Builds
        </a>
        <a href="/repositories" {...here('/repositories', '/repositories/')}>
          Repositories
        </a>
        <a href="/runners" {...here('/runners', '/runners/')}>
          Runners
        </a>
      </nav>
      <ConnectionState />
      <SessionState />
    </header>
  );
}

function ConnectionState() {
  const state = connection.value;
  const words = { idle: '', live: 'live', away: 'reconnecting …' }[state];
  return (
    <span class={`connection is-${state}`} role="status">
      {words}
    </span>
  );
}

function SessionState() {
  const now = session.value;
  if (!now) return <span class="session" />;
  return (
    <span class="session" title={now.signedIn ? `TestGrid ${now.version}` : SIGN_IN_HINT}>
      {now.signedIn ? 'signed in' : 'read only'}
    </span>
  );
}

function NotFound({ path }: { path: string }) {
  return (
    <section class="page">
      <h1>No page here</h1>
      <p>
        There is nothing at <code>{path}</code>. Go to the <a href="/">builds</a>.
      </p>
    </section>
  );
}
