import type { ComponentType } from 'preact';
import { BuildPage } from './pages/build';
import { BuildsPage } from './pages/builds';
import { JobPage } from './pages/job';
import { RepositoriesPage } from './pages/repositories';
import { RepositoryPage } from './pages/repository';
import { RunnersPage } from './pages/runners';

/** What a page is given: the parts of its path that vary. */
export interface PageProps {
  id: string;
}

/** Path → page. The one part that varies is a group. */
const routes: [RegExp, ComponentType<PageProps>][] = [
  [/^\/$/, BuildsPage],
  [/^\/builds\/(\d+)$/, BuildPage],
  [/^\/jobs\/(\d+\.\d+)$/, JobPage],
  [/^\/repositories$/, RepositoriesPage],
  [/^\/repositories\/(\d+)$/, RepositoryPage],
  [/^\/runners$/, RunnersPage],
];

export function match(path: string): { page: ComponentType<PageProps>; id: string } | null {
  for (const [pattern, page] of routes) {
    const found = pattern.exec(path);
    if (found) return { page, id: decodeURIComponent(found[1] ?? '') };
  }
  return null;
}
