import { buildPath } from '../lib/links';
import type { DeliveryRecord } from '../types';
import { Ago } from './time';

/** What became of a delivery: a word, and a sign that can be told apart without its colour. */
export function Outcome({ outcome }: { outcome: string }) {
  const sign = { accepted: '✓', duplicate: '=', ignored: '–', refused: '✕', unusable: '!' }[outcome] ?? '·';
  return (
    <span class={`outcome is-${outcome}`}>
      <span aria-hidden="true">{sign}</span> {outcome}
    </span>
  );
}

/** What the git host has sent, and why it did or did not start a build. */
export function Deliveries({ deliveries }: { deliveries: DeliveryRecord[] }) {
  if (deliveries.length === 0) {
    return (
      <p class="muted">None yet. Push a commit, press the git host's own test button, or send a test from here.</p>
    );
  }
  return (
    <section class="table-scroll" aria-label="Deliveries">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Outcome</th>
            <th scope="col">Event</th>
            <th scope="col">Why</th>
            <th scope="col">Build</th>
            <th scope="col">Received</th>
            <th scope="col">Delivery</th>
          </tr>
        </thead>
        <tbody>
          {deliveries.map((delivery) => (
            <tr key={delivery.id}>
              <td>
                <Outcome outcome={delivery.outcome} />
              </td>
              <td>
                {delivery.host} {delivery.event}
              </td>
              <td class="why">{delivery.why}</td>
              <td>{delivery.buildId !== null && <a href={buildPath(delivery.buildId)}>{delivery.buildId}</a>}</td>
              <td>
                <Ago at={delivery.receivedAt} />
              </td>
              <td>
                <code class="sha" title={delivery.deliveryId}>
                  {delivery.deliveryId.slice(0, 13)}
                </code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
