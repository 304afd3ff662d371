// Keeps bytes for the live view, under the name that they begin with. Streamlit sends the same element only once, so what is
// large and never changes travels apart from what changes all the time. Draws nothing.
const NAME_LENGTH = 64;
const kept = (globalThis.encoderscopeBytes ??= new Map()); // name -> {bytes, holders}
const names = new WeakMap(); // element -> the name it holds

export default function ({ data, parentElement }) {
  parentElement.host.closest('[data-testid="stElementContainer"]').style.display = "none";
  const name = new TextDecoder().decode(data.subarray(0, NAME_LENGTH));
  if (names.get(parentElement) !== name) {
    const entry = kept.get(name) ?? { bytes: data.subarray(NAME_LENGTH), holders: new Set() };
    kept.set(name, entry);
    entry.holders.add(parentElement);
    letGo(parentElement);
    names.set(parentElement, name);
    document.dispatchEvent(new Event("encoderscope-bytes"));
  }
  return () => !parentElement.host.isConnected && letGo(parentElement);
}

function letGo(element) {
  const name = names.get(element);
  names.delete(element);
  const holders = kept.get(name)?.holders;
  if (holders?.delete(element) && holders.size === 0) kept.delete(name);
}
