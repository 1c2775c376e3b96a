import { addCommands, addTrouble } from '../lib/runners';
import { Copy } from './copy';

/** The two commands that add a runner, with this server's address in them. */
export function AddRunner({ serverUrl }: { serverUrl: string }) {
  const [here, there] = addCommands(serverUrl);
  const trouble = addTrouble(serverUrl);
  return (
    <>
      <ol class="steps">
        <li>
          <p>Where the server is, make a token. It is shown this once; bring it to the other machine.</p>
          <Command text={here} what="first command" />
        </li>
        <li>
          <p>On the other machine, with TestGrid installed there, start the runner. It appears here at once.</p>
          <Command text={there} what="second command" />
        </li>
      </ol>
      {trouble && <p class="muted">{trouble}</p>}
    </>
  );
}

function Command({ text, what }: { text: string; what: string }) {
  return (
    <div class="command">
      <pre>
        <code>{text}</code>
      </pre>
      <Copy text={text} what={what} />
    </div>
  );
}
