// What the desk does beyond what its pages do without a script: shortcuts, ticking all, and buttons that copy.
'use strict';

const find = document.getElementById('find');
const shortcuts = document.getElementById('shortcuts');
const keys = document.getElementById('keys');

// The parts of the desk by the key that follows g.
const parts = new Map([...document.querySelectorAll('a[data-key]')].map((a) => [a.dataset.key, a.href]));

// Whoever speaks to the computer, or types by accident, turns the shortcuts off.
const on = document.getElementById('shortcuts-on');
const kept = 'desk.shortcuts';
if (on) {
  on.checked = localStorage.getItem(kept) !== 'off';
  on.addEventListener('change', () => localStorage.setItem(kept, on.checked ? 'on' : 'off'));
}

let waiting = 0; // until when a key follows g

function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !find || !on.checked) {
    return;
  }
  if (Date.now() < waiting) {
    waiting = 0;
    const href = parts.get(event.key);
    if (href) {
      event.preventDefault();
      location.assign(href);
    }
    return;
  }
  switch (event.key) {
    case '/':
      event.preventDefault();
      find.focus();
      find.select();
      break;
    case 'g':
      waiting = Date.now() + 1500;
      break;
    case '?':
      event.preventDefault();
      shortcuts.showModal();
      break;
  }
});

if (keys && shortcuts) {
  keys.hidden = false;
  keys.addEventListener('click', () => shortcuts.showModal());
}

const all = document.getElementById('all');
if (all) {
  all.hidden = false;
  all.addEventListener('click', () => {
    const boxes = [...all.form.querySelectorAll('input[name=invoice]')];
    const tick = boxes.some((box) => !box.checked);
    for (const box of boxes) {
      box.checked = tick;
    }
  });
}

for (const code of document.querySelectorAll('code.copy')) {
  if (!navigator.clipboard) {
    break;
  }
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copier';
  button.textContent = 'Copy';
  button.setAttribute('aria-label', 'Copy ' + (code.closest('div')?.querySelector('dt')?.textContent || ''));
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Not copied';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  (code.closest('a') || code).after(' ', button);
}

// Times are in UTC, unless whoever looks wants those of their own zone.
const zone = document.getElementById('zone');
const zoneKept = 'desk.zone';
const inOwnZone = new Intl.DateTimeFormat('en', {
  year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'shortOffset',
});

function ownTime(time) {
  const p = Object.fromEntries(inOwnZone.formatToParts(time).map(({ type, value }) => [type, value]));
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second} ${p.timeZoneName}`;
}

// Those that have a title say how long ago it was, and the time in the title; the others are the time.
const times = [...document.querySelectorAll('time[datetime]')].map((element) => ({ element, title: element.title, text: element.textContent }));

function showTimes() {
  const own = localStorage.getItem(zoneKept) === 'own';
  zone.textContent = own ? 'UTC times' : 'Local times';
  for (const { element, title, text } of times) {
    const there = own ? ownTime(new Date(element.dateTime)) : '';
    if (title) {
      element.title = own ? `${there} (${title})` : title;
    } else {
      element.textContent = own ? there : text;
      element.title = own ? text : '';
    }
  }
}

if (zone) {
  zone.hidden = false;
  zone.addEventListener('click', () => {
    localStorage.setItem(zoneKept, localStorage.getItem(zoneKept) === 'own' ? 'utc' : 'own');
    showTimes();
  });
  showTimes();
}

// A form is sent once, however often its button is pressed. The server makes sure of it as well.
for (const form of document.querySelectorAll('form.ask[method="post"]')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
    }
    form.dataset.sent = '1';
    setTimeout(() => { delete form.dataset.sent; }, 3000); // what is downloaded leaves the page where it is
  });
}
