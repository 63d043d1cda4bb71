// A page of which a module did not arrive, because the network changed meanwhile, stays
// empty: browsers ask for none a second time. So it is loaded anew, and not for ever.

const TRIED = 'loaded-anew';
const MOST = 5;
const PAUSE_MS = 1000;

// (Modules have run, or failed, by then.)
addEventListener('load', () => {
  const tried = Number(sessionStorage.getItem(TRIED) ?? 0);
  if (document.getElementById('page')?.childElementCount) sessionStorage.removeItem(TRIED);
  else if (tried < MOST) {
    sessionStorage.setItem(TRIED, String(tried + 1));
    setTimeout(() => location.reload(), PAUSE_MS * (tried + 1));
  }
});
