/** The consent page, where the user allows or denies access. Hidden fields carry the app's request. */
export function authorizePage(parameters: Record<string, string>): string {
  const hidden = Object.entries(parameters)
    .map(([name, value]) => `      <input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`)
    .join('\n');
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Allow Access?</title>
    <style>
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem; color: #181818 }
      button { font: inherit; padding: .5rem 1.5rem; margin-right: .5rem; border: 1px solid #0176d3; border-radius: .25rem; cursor: pointer }
      button[value="allow"] { background: #0176d3; color: #fff }
      button[value="deny"] { background: #fff; color: #0176d3 }
    </style>
  </head>
  <body>
    <h1>Allow Access?</h1>
    <p>The app at <strong>${escapeHtml(parameters.redirect_uri ?? '')}</strong> is asking to:</p>
    <ul>
      <li>Manage user data via APIs</li>
      <li>Perform requests at any time</li>
    </ul>
    <p>This is a local Salesforce emulator without any real data.</p>
    <form method="post" action="/services/oauth2/authorize">
${hidden}
      <button type="submit" name="decision" value="allow">Allow</button>
      <button type="submit" name="decision" value="deny">Deny</button>
    </form>
  </body>
</html>
`;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
