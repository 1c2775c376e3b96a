import type { ConfigProblem } from '../types';

/** What is wrong in the configuration, each with where it stands and what to write instead. */
export function Problems({ problems }: { problems: ConfigProblem[] }) {
  if (problems.length === 0) return null;
  const errors = problems.filter((problem) => problem.isError).length;
  const title = [count(errors, 'error'), count(problems.length - errors, 'warning')].filter(Boolean).join(', ');
  return (
    <section class={`notice is-${errors > 0 ? 'error' : 'warning'}`} aria-labelledby="problems">
      <h2 id="problems" class="notice-title">
        {title} in the configuration
      </h2>
      <ul class="problems">
        {problems.map((problem) => (
          <li key={`${problem.file}:${problem.line}:${problem.column}:${problem.code}:${problem.message}`}>
            <code class="where">{place(problem)}</code>
            <span class="what">
              <strong>{problem.isError ? 'error' : 'warning'}</strong> <code>{problem.code}</code> {problem.message}
              {problem.remedy && <span class="remedy">{problem.remedy}</span>}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** `file:line:column`, as editors read it; 0 means that it is about the whole. */
function place({ file, line, column }: ConfigProblem): string {
  if (line === 0) return file;
  return column === 0 ? `${file}:${line}` : `${file}:${line}:${column}`;
}

function count(number: number, word: string): string {
  return number === 0 ? '' : `${number} ${word}${number === 1 ? '' : 's'}`;
}
