// The page works without this script. It copies, counts down, asks the browser's wallets, and shows news without reloading.
'use strict';
(() => {
  const body = document.body;
  const said = document.getElementById('said');
  const line = document.getElementById('line');
  const main = () => document.getElementById('main');
  const say = (text) => { if (said) said.textContent = text; };
  let arrived = performance.now(); // when the server's answer came: its clock counts, not ours

  // --- what a page has after it was shown or replaced ---
  function dress() {
    for (const b of document.querySelectorAll('button.copy')) {
      b.hidden = false;
      b.textContent = body.dataset.copy;
      b.onclick = () => copy(b);
    }
    for (const t of document.querySelectorAll('time')) {
      t.textContent = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(t.dateTime));
    }
    const print = document.getElementById('print');
    if (print) {
      print.hidden = false;
      print.onclick = () => window.print();
    }
    wallets();
    tick();
    tell();
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch { // no permission, or no https: the text is selected, to be copied by hand
      const range = document.createRange();
      range.selectNodeContents(button.parentElement.querySelector('bdi'));
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      if (!document.execCommand('copy')) return;
    }
    button.textContent = body.dataset.copied;
    say(body.dataset.copied);
    setTimeout(() => { button.textContent = body.dataset.copy; }, 2000);
  }

  // --- time: it shows in the last quarter, and is announced twice ---
  let announced = Infinity;
  function tick() {
    const m = main();
    const timer = m.querySelector('.timer');
    if (!timer) return;
    const window = Number(m.dataset.window);
    const left = Math.max(0, Math.floor(Number(m.dataset.left) - (performance.now() - arrived) / 1000));
    timer.hidden = left > window / 4;
    const pad = (n) => String(n).padStart(2, '0');
    timer.querySelector('.clock').textContent = left < 3600
      ? `${Math.floor(left / 60)}:${pad(left % 60)}`
      : `${Math.floor(left / 3600)}:${pad(Math.floor(left / 60) % 60)}:${pad(left % 60)}`;
    for (const [at, text] of [[300, body.dataset.five], [60, body.dataset.one]]) {
      if (left <= at && left > 0 && announced > at && window > at) {
        announced = at;
        say(text);
      }
    }
    if (left === 0 && announced > 0) {
      announced = 0;
      look(true);
    }
  }
  setInterval(tick, 1000);

  // --- news ---
  let source, failures = 0, poll, looking = false, again = false, tries = 0;
  const id = body.dataset.id;
  const at = body.dataset.base + id; // of the page, also where the answer to a form is shown
  const ask = (what) => {
    const query = new URLSearchParams({ lang: document.documentElement.lang });
    if (what === 'live') query.set('seen', main().dataset.version);
    return `${at}/${what}?${query}`;
  };

  function hear(news) {
    const m = main();
    if (String(news.invoice) !== m.dataset.version.split('-')[0]) {
      look();
      return;
    }
    m.dataset.version = news.version;
    const depth = document.getElementById('depth');
    if (!depth || !news.text) {
      if (news.text) look();
      return;
    }
    if (depth.textContent !== news.text) {
      depth.textContent = news.text;
      const bar = m.querySelector('progress');
      bar.max = news.need;
      bar.value = news.have;
      say(news.text);
    }
  }

  // look gets the page again and puts its main part in the place of the present one. The parser of XMLHttpRequest runs no
  // script, and needs no text that becomes markup here. What is told while the page is under way may not be on it: then it
  // is got once more, as it is when that fails.
  function look(force) {
    if (!id) return;
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    again = false;
    const request = new XMLHttpRequest();
    request.open('GET', `${at}?lang=${document.documentElement.lang}${body.dataset.frame ? '&frame=1' : ''}`);
    request.responseType = 'document';
    request.timeout = 15000;
    request.onloadend = () => {
      looking = false;
      const next = request.response?.getElementById('main');
      if (request.status !== 200 || !next) {
        offline(true);
        tries++;
        setTimeout(() => look(force), Math.min(60, 2 ** tries) * 1000);
        return;
      }
      tries = 0;
      offline(false);
      arrived = performance.now();
      const old = main();
      if (again) setTimeout(look, 0);
      if (!force && next.dataset.version === old.dataset.version) return;
      const focus = old.contains(document.activeElement) ? document.activeElement.id || 'main' : '';
      const changed = next.dataset.kind !== old.dataset.kind;
      old.replaceWith(document.adoptNode(next));
      document.title = request.response.title;
      if (focus) document.getElementById(focus)?.focus();
      dress();
      if (changed) say(body.dataset.changed.replace('%', document.getElementById('title').textContent));
      if (!main().dataset.live) close();
    };
    request.send();
  }

  function offline(is) {
    line.hidden = !is;
    line.textContent = is ? body.dataset.offline : '';
  }

  function open() {
    if (source || !main()?.dataset.live || document.hidden) return;
    if (!window.EventSource) {
      polling();
      return;
    }
    source = new EventSource(ask('live'));
    source.onopen = () => {
      failures = 0;
      offline(false);
      clearInterval(poll);
      poll = undefined;
    };
    source.onmessage = (e) => hear(JSON.parse(e.data));
    source.onerror = () => {
      failures++;
      if (failures >= 2) polling();
      if (source.readyState === EventSource.CLOSED) { // a refusal, after which a browser does not try again
        close();
        setTimeout(open, Math.min(60, 3 * failures) * 1000);
      }
    };
  }

  function close() {
    source?.close();
    source = undefined;
    clearInterval(poll);
    poll = undefined;
  }

  function polling() {
    if (poll || !main().dataset.live) return;
    poll = setInterval(check, 5000);
    check();
  }

  async function check() {
    try {
      const response = await fetch(ask('state'), { cache: 'no-store' });
      if (!response.ok) throw new Error(response.status);
      offline(false);
      hear(await response.json());
    } catch {
      offline(true);
    }
  }

  // A phone that comes back from the wallet may have lost the connection without knowing it.
  function back() {
    if (document.hidden) {
      close();
      return;
    }
    if (!main()?.dataset.live) return;
    check();
    open();
  }
  document.addEventListener('visibilitychange', back);
  window.addEventListener('pageshow', (e) => { if (e.persisted) back(); });
  window.addEventListener('online', back);
  window.addEventListener('offline', () => offline(true));

  // --- the shop's page around this one ---
  function tell() {
    if (!body.dataset.frame || window.parent === window) return;
    window.parent.postMessage({ cointill: id, kind: main().dataset.kind, height: document.documentElement.scrollHeight }, body.dataset.frame);
  }

  // --- wallets of the browser (EIP-6963) ---
  const found = new Map();
  window.addEventListener('eip6963:announceProvider', (e) => {
    const { info, provider } = e.detail ?? {};
    if (!info?.uuid || !provider || found.has(info.uuid) || found.size >= 8) return;
    found.set(info.uuid, { name: String(info.name).slice(0, 40), icon: String(info.icon), provider });
    wallets();
  });

  function wallets() {
    const place = document.getElementById('browser');
    if (!place) return;
    place.replaceChildren(...[...found.values()].map((wallet) => {
      const button = document.createElement('button');
      button.type = 'button';
      if (/^data:image\/(png|svg\+xml|webp|jpeg|gif)[;,]/.test(wallet.icon)) {
        const icon = document.createElement('img');
        icon.src = wallet.icon;
        icon.alt = '';
        icon.width = icon.height = 20;
        button.append(icon);
      }
      button.append(place.dataset.label.replace('%', wallet.name));
      button.onclick = () => send(button, wallet.provider, place.dataset);
      return button;
    }));
  }

  async function send(button, provider, want) {
    button.disabled = true;
    try {
      const [from] = await provider.request({ method: 'eth_requestAccounts' });
      if (await provider.request({ method: 'eth_chainId' }) !== want.chain) {
        try {
          await provider.request({ method: 'wallet_switchEthereumChain', params: [{ chainId: want.chain }] });
        } catch {
          result(want.wrong);
          return;
        }
      }
      const transaction = { from, to: want.to, value: want.value };
      if (want.data) transaction.data = want.data;
      await provider.request({ method: 'eth_sendTransaction', params: [transaction] });
      result(want.sent);
    } catch (e) {
      result(want.failed.replace('%', String(e?.message ?? e).slice(0, 200)));
    } finally {
      button.disabled = false;
    }
  }

  function result(text) {
    const place = document.getElementById('browser');
    if (place) {
      let p = place.querySelector('p');
      if (!p) {
        p = document.createElement('p');
        place.append(p);
      }
      p.textContent = text;
    }
    say(text);
  }

  dress();
  open();
  window.dispatchEvent(new Event('eip6963:requestProvider'));
})();
