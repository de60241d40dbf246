// The relay's clock, as this browser's may be another one.
let ahead = 0; // ms

// setClock takes the relay's time of just now, as its answers have it.
export function setClock(time) { ahead = Date.parse(time) - Date.now(); }

// now is the relay's time, in ms.
export const now = () => Date.now() + ahead;
