// What every page wants of the browser besides its elements: a Back button that works, and a Tab key that reaches controls only.
let isInstalled = false;

export default function () {
  if (isInstalled) return;
  isInstalled = true;
  keepHistoryShort();
  keepHelpOutOfTabOrder();
}

// A page writes its address once it knows its settings. That is an entry in the history of its own only if the user has done
// something since the page was turned; otherwise Back would lead to the bare address of the same page, which writes itself again.
function keepHistoryShort() {
  let isSettling = true;
  const push = history.pushState;
  history.pushState = function (state, title, url) {
    const turnsPage = new URL(url ?? "", location.href).pathname !== location.pathname;
    if (isSettling && !turnsPage) return history.replaceState(state, title, url);
    isSettling = isSettling || turnsPage;
    return push.call(history, state, title, url);
  };
  addEventListener("popstate", () => (isSettling = true), { capture: true });
  for (const type of ["pointerdown", "keydown"]) {
    document.addEventListener(type, (event) => event.isTrusted && (isSettling = false), { capture: true, passive: true });
  }
}

// The help of a control is read by pointing at its question mark; stepping through all of them would double every way.
function keepHelpOutOfTabOrder() {
  let isWaiting = false;
  const tidy = () => {
    isWaiting = false;
    for (const button of document.querySelectorAll("[data-testid=stTooltipIcon] button:not([tabindex])")) button.tabIndex = -1;
  };
  const soon = () => isWaiting || ((isWaiting = true), requestAnimationFrame(tidy));
  new MutationObserver(soon).observe(document.body, { subtree: true, childList: true });
  tidy();
}
