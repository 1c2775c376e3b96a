/** What to do when there is nothing yet: shown where the builds will be. */
export function FirstSteps() {
  return (
    <div class="empty">
      <h2>No builds yet: three commands to the first</h2>
      <ol class="steps">
        <li>
          <p>Tell TestGrid about a repository. It prints the webhook's address and its secret for your git host.</p>
          <pre>
            <code>testgrid repo add https://git.example.org/owner/name</code>
          </pre>
        </li>
        <li>
          <p>In your work tree, see which jobs its .testgrid.yml or .travis.yml asks for.</p>
          <pre>
            <code>testgrid config matrix</code>
          </pre>
        </li>
        <li>
          <p>Push a commit, or start a build by hand. It appears here at once.</p>
          <pre>
            <code>testgrid build start owner/name main</code>
          </pre>
        </li>
      </ol>
      <p class="muted">
        The first can be done on the page <a href="/repositories">Repositories</a>, too.
      </p>
    </div>
  );
}
