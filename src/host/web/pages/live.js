// Open pages follow what happens: the list of holds and a hold's page are fetched anew when a step is told, deadlines count down, and keys lead
// through. Without it every page works; it decides nothing.
'use strict';
(() => {
  const body = document.body;
  const page = body.dataset.live;
  const html = self.trustedTypes
    ? trustedTypes.createPolicy('pgsluice', { createHTML: (text) => text })
    : { createHTML: (text) => text };
  const all = (what) => [...document.querySelectorAll(what)];

  const left = (seconds) => {
    const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(seconds / unit));
    if (days > 1) return `${days} days`;
    if (hours > 1) return `${hours} h ${minutes % 60} min`;
    if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
    return `${seconds} s`;
  };
  const count = () => {
    for (const one of all('time[data-until]')) {
      const seconds = Math.max(0, Math.round((Date.parse(one.dateTime) - Date.now()) / 1000));
      one.title = one.dateTime;
      one.textContent = seconds > 0 ? `${left(seconds)} from now` : 'just now';
    }
  };
  count();
  setInterval(count, 1000);

  // Somebody who writes keeps the page that they write on.
  const writes = () =>
    all('textarea, input:not([type=hidden]):not([type=checkbox])').some((one) => one.value !== one.defaultValue) ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? '');
  const notice = (said) => {
    const place = document.getElementById('notice');
    if (place) place.textContent = said;
  };
  let asks = false;
  let again = false;
  const renew = async () => {
    if (asks) {
      again = true;
      return;
    }
    if (writes()) return notice('This changed meanwhile: load the page anew to see it.');
    asks = true;
    try {
      const answer = await fetch(location.href, { headers: { 'x-pgsluice-live': '1' }, cache: 'no-store', redirect: 'manual' });
      if (!answer.ok) return notice('This changed meanwhile: load the page anew to see it.');
      const other = new DOMParser().parseFromString(html.createHTML(await answer.text()), 'text/html');
      const [here, there] = [document.querySelector('main'), other.querySelector('main')];
      if (!there || writes()) return notice('This changed meanwhile: load the page anew to see it.');
      const at = document.activeElement?.getAttribute('href');
      here.replaceWith(document.adoptNode(there));
      document.title = other.title;
      if (at) all('main a').find((one) => one.getAttribute('href') === at)?.focus();
      count();
    } catch {
      notice('The server does not answer.');
    } finally {
      asks = false;
      if (again) {
        again = false;
        renew();
      }
    }
  };

  if (page && self.EventSource) {
    const source = new EventSource('/live');
    let first = true;
    source.addEventListener('step', (event) => {
      const told = JSON.parse(event.data);
      const mine = page === 'list' || told.many || told.holds.includes(page);
      notice('');
      // The first one says where things stand: after a break something may have been missed.
      if (first ? source.broke : mine) renew();
      first = false;
      source.broke = false;
    });
    source.addEventListener('over', () => {
      source.close();
      notice('You are signed out: load the page anew to sign in.');
    });
    source.addEventListener('error', () => {
      source.broke = true;
      first = true;
    });
  }

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const rows = all('.holds a.hold, .records a.hold');
    const step = { j: 1, k: -1 }[event.key];
    if (step && rows.length > 0) {
      const at = rows.indexOf(document.activeElement);
      rows[Math.min(rows.length - 1, Math.max(0, at + step))].focus();
      return event.preventDefault();
    }
    // A key leads to a button and presses none.
    const place = { a: 'button.approve', d: 'button.deny', r: '#reason', s: '#words', u: 'a.home' }[event.key];
    const found = place && document.querySelector(place);
    if (found) {
      found.focus();
      event.preventDefault();
    }
  });
})();
