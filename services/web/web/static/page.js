// Small helpers for the page's elements.

export function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

export function text(element, selector, value) {
  const target = selector ? element.querySelector(selector) : element;
  if (target.textContent !== value) target.textContent = value;
}
