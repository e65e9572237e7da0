// dom.js - builds elements. Text only ever becomes a text node, so nothing that a model.json says can turn into markup.
//
//     element('a', { class: 'back', href: './' }, '← all models')
//     element('ul', {}, names.map((name) => element('li', {}, name)))

/** Attributes that are undefined, null or false are left out; true stands alone; on... are listeners. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}
