// The operator's token, where the listener asks for one. The browser keeps it for this
// tab alone, and forgets it when the tab closes.
const key = "turnout-operator-token";

export const token = () => sessionStorage.getItem(key) ?? "";

export const keepToken = (text) => sessionStorage.setItem(key, text);

export const forgetToken = () => sessionStorage.removeItem(key);
