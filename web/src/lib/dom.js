// Small helps for binding a page to its state.

/**
 * The element with this id, which the page's HTML promises to hold.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} with id "${id}"`);
}

/**
 * Writes only what changes, so that a live region is not read out again for nothing.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element @param {string} name @param {string} value */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {HTMLElement} element @param {boolean} shown */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/**
 * Gives a select its options, keeping what is chosen where it is still offered.
 * @param {HTMLSelectElement} select
 * @param {{ value: string, label: string }[]} options
 * @param {string} [wanted]
 */
export function setOptions(select, options, wanted = select.value) {
  const now = JSON.stringify(options);
  if (select.dataset.options !== now) {
    select.dataset.options = now;
    select.replaceChildren(...options.map(({ value, label }) => new Option(label, value)));
  }
  if (options.some(({ value }) => value === wanted)) select.value = wanted;
}

/**
 * A copy of what a template holds: its first element.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function fromTemplate(id) {
  const inside = byId(id, HTMLTemplateElement).content.firstElementChild;
  return /** @type {HTMLElement} */ (inside?.cloneNode(true));
}

/**
 * @template {Element} T
 * @param {Element} root
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T}
 */
export function inside(root, selector, kind) {
  const element = root.querySelector(selector);
  if (element instanceof kind) return element;
  throw new Error(`no ${kind.name} at "${selector}"`);
}

/**
 * An element with attributes and children.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
