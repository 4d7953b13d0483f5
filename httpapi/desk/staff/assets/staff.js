"use strict";
// Passkeys. The form of a page has the options of a ceremony; what the authenticator answers goes back with the form.
(() => {
  const form = document.querySelector("form[data-passkey]");
  const able = window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON && PublicKeyCredential.prototype.toJSON;
  if (!form || !able) {
    return;
  }
  const problem = form.querySelector("[data-problem]");
  const absent = document.querySelector("[data-absent]");
  form.hidden = false;
  if (absent) {
    absent.hidden = true;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    const options = JSON.parse(form.dataset.passkey);
    try {
      const credential = form.dataset.make
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      form.elements.namedItem("credential").value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      problem.textContent = error.name === "InvalidStateError"
        ? "This device has a passkey for you already."
        : "The passkey was not used. Try again, or go on without it.";
      problem.hidden = false;
    }
  });
})();
