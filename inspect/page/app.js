// SPDX-License-Identifier: Apache-2.0
'use strict';

const every = 1000; // ms between two looks
const rows = 200; // shown of each table

const $ = (id) => document.getElementById(id);

// el makes an element. Text is set as text, never as HTML: names come from
// whoever registered a service.
function el(name, text, className) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

function time(ns) {
  if (!ns) return '–';
  for (const [unit, size] of [['s', 1e9], ['ms', 1e6], ['µs', 1e3]]) {
    if (ns >= size) return (ns < 100 * size ? (ns / size).toPrecision(3) : Math.round(ns / size)) + ' ' + unit;
  }
  return ns + ' ns';
}

// A column is [title, value, kind]; kind "num" aligns to the right, "bad"
// marks every value but 0, "–" and "healthy".
function fill(table, columns, list, none) {
  const head = el('tr');
  for (const [title, , kind] of columns) head.append(el('th', title, kind ? 'num' : ''));
  const body = list.slice(0, rows).map((item) => {
    const row = el('tr');
    for (const [, value, kind] of columns) {
      const v = value(item);
      const marked = kind === 'bad' && v !== 0 && v !== '–' && v !== 'healthy';
      row.append(el('td', v, (kind ? 'num' : '') + (marked ? ' bad' : '')));
    }
    return row;
  });
  if (list.length === 0) body.push(note(none, columns));
  if (list.length > rows) body.push(note(`… and ${list.length - rows} more`, columns));
  table.replaceChildren(head, ...body);
}

function note(text, columns) {
  const row = el('tr'), cell = el('td', text, 'dim');
  cell.colSpan = columns.length;
  row.append(cell);
  return row;
}

const attempts = (c) => c.attempts.map((a) => `${a.node} ${a.phase} ${time(a.age_ns)}`).join(' · ') || '–';

const tables = {
  calls: ['nothing is being called', (s) => s.calls, [
    ['Endpoint', (c) => c.endpoint], ['Service', (c) => c.service], ['Age', (c) => time(c.age_ns), 'num'],
    ['Phase', (c) => c.phase], ['Attempts', attempts], ['Id', (c) => c.id],
  ]],
  streams: ['no stream is open', (s) => s.streams, [
    ['Endpoint', (c) => c.endpoint], ['Service', (c) => c.service], ['Node', (c) => c.node], ['Age', (c) => time(c.age_ns), 'num'],
    ['Half-closed', (c) => (c.half_closed ? 'yes' : 'no')], ['Sent', (c) => c.sent, 'num'], ['Bytes out', (c) => c.sent_bytes, 'num'],
    ['Received', (c) => c.received, 'num'], ['Bytes in', (c) => c.received_bytes, 'num'],
    ['Send waits', (c) => time(c.sending_ns), 'num'], ['Recv waits', (c) => time(c.receiving_ns), 'num'],
  ]],
  nodes: ['no service has been called yet', (s) => s.services.flatMap((v) => v.nodes.map((n) => ({ ...n, service: v }))), [
    ['Address', (n) => n.address], ['Service', (n) => n.service.name], ['Version', (n) => n.version || '–'],
    ['Health', (n) => n.health, 'bad'], ['Ejected for', (n) => time(n.ejected_for_ns), 'num'], ['In flight', (n) => n.in_flight, 'num'], ['Answers', (n) => n.answers, 'num'],
    ['Faults', (n) => n.faults, 'num'], ['Latency', (n) => time(n.latency_ns), 'num'], ['Load', (n) => time(n.load_ns), 'num'],
    ['Last fault', (n) => (n.last_fault ? `${n.last_fault}, ${time(n.last_fault_age_ns)} ago` : '–')],
    ['Retry budget', (n) => n.service.retry_budget.toFixed(1), 'num'], ['List', (n) => n.service.stale || 'fresh'],
  ]],
  pools: ['no connection was needed yet', (s) => s.pools, [
    ['Address', (p) => p.address], ['Transport', (p) => p.transport], ['Open', (p) => p.open, 'num'],
    ['Idle', (p) => p.idle, 'num'], ['Lent', (p) => p.lent, 'num'], ['Shared', (p) => p.shared, 'num'], ['Running', (p) => p.running, 'num'], ['Dialing', (p) => p.dialing, 'num'],
    ['Waiters', (p) => p.waiters, 'bad'], ['Dialled', (p) => p.dialled, 'num'], ['Failed dials', (p) => p.dial_failures, 'num'],
    ['Discarded', (p) => p.discarded, 'num'], ['Oldest idle', (p) => time(p.oldest_idle_ns), 'num'],
  ]],
  actors: ['there is no actor', (s) => s.actors, [
    ['Actor', (a) => a.id], ['Kind', (a) => a.kind], ['In mailbox', (a) => a.depth, 'bad'], ['At most', (a) => a.max_depth, 'num'],
    ['Received', (a) => a.received, 'num'], ['Busy for', (a) => time(a.busy_ns), 'bad'],
  ]],
};

// The options do not change while the page is open, but for Init.
async function config() {
  const answer = await fetch('v1/config', { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) return; // the program shows none
  const { settings } = await answer.json();
  if (!Array.isArray(settings)) return; // in a form of its own
  fill($('config'), [['Option', (o) => o.name], ['Value', (o) => o.value || '–'], ['From', (o) => o.source]], settings, 'there is no option');
  $('config').parentElement.hidden = false;
}

let before;

function show(s) {
  const t = s.totals, span = before && (Date.parse(s.taken) - Date.parse(before.taken)) / 1000;
  const rate = span > 0 ? Math.round((t.calls - before.totals.calls) / span) : 0;
  before = s;
  const numbers = { 'calls/s': rate, calls: t.calls, 'in flight': t.live, failed: t.failed, retries: t.retries, hedges: t.hedges };
  $('totals').replaceChildren(...Object.entries(numbers).map(([name, n]) => {
    const pair = el('div');
    pair.append(el('dt', name), el('dd', n.toLocaleString(), name === 'failed' && n ? 'bad' : ''));
    return pair;
  }));
  for (const [id, [none, list, columns]] of Object.entries(tables)) fill($(id), columns, list(s), none);
}

let paused = false;

async function look() {
  if (!paused && !document.hidden) {
    try {
      const answer = await fetch('v1/snapshot', { signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error((await answer.json()).error);
      const s = await answer.json();
      show(s);
      $('state').textContent = new Date(s.taken).toLocaleTimeString();
      $('state').className = '';
    } catch (e) {
      $('state').textContent = 'no answer: ' + e.message;
      $('state').className = 'bad';
    }
  }
  setTimeout(look, every);
}

$('pause').addEventListener('click', (e) => {
  paused = !paused;
  e.target.textContent = paused ? 'Go on' : 'Pause';
  e.target.setAttribute('aria-pressed', paused);
});

look();
config().catch(() => {}); // the state of the page is told by look
