// map-pointers.js - mouse, pen and fingers on the map: one that moves drags, two pinch, the wheel zooms, hovering and tapping choose.
//
//     listenToPointers(pane, { onHover, onTap, onOpen, onPan, onZoom });
//
// Places are {left, top} in the pane. onTap(place) says whether there is something; a mouse's click on it opens it at once, a finger's does not, for it
// could not hover. What lies in .map-card is left alone.

export function listenToPointers(pane, { onHover, onTap, onOpen, onPan, onZoom }) {
  const down = new Map();
  let moved = false;
  const placeOf = ({ clientX, clientY }) => {
    const box = pane.getBoundingClientRect();
    return { left: clientX - box.left, top: clientY - box.top };
  };

  pane.addEventListener('pointerdown', (event) => {
    if (event.target.closest('.map-card')) return;
    pane.setPointerCapture(event.pointerId);
    down.set(event.pointerId, placeOf(event));
    moved = down.size > 1;
  });
  pane.addEventListener('pointermove', (event) => {
    const place = placeOf(event), before = down.get(event.pointerId);
    if (!before) {
      if (event.pointerType === 'mouse' && !event.target.closest('.map-card')) onHover(place);
      return;
    }
    const others = [...down].filter(([id]) => id !== event.pointerId).map(([, other]) => other);
    if (others.length === 1) onZoom(distance(place, others[0]) / (distance(before, others[0]) || 1), others[0]);
    else onPan(place.left - before.left, place.top - before.top);
    if (distance(place, before) > 3) moved = true;
    down.set(event.pointerId, moved || others.length ? place : before);
  });
  pane.addEventListener('pointerup', (event) => {
    const pressed = down.delete(event.pointerId);
    if (pressed && !moved && onTap(placeOf(event)) && event.pointerType === 'mouse') onOpen();
  });
  pane.addEventListener('pointercancel', (event) => down.delete(event.pointerId));
  pane.addEventListener('wheel', (event) => {
    event.preventDefault();
    onZoom(Math.exp(-event.deltaY / 400), placeOf(event));
  }, { passive: false });
}

const distance = (a, b) => Math.hypot(a.left - b.left, a.top - b.top);
