/** Values that the examples of the documentation share. */
export const EXAMPLE = {
  userId: 'https://login.salesforce.com/id/00D1U000000rQgaUAE/0051U0000022xRgQAI',
  orgId: '00D1U000000rQgaUAE',
  redirectUri: 'https://127.0.0.1/login/callback',
  jobId: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  runId: '0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11',
  linkId: '3f0f9a5e-8f0e-4c39-9d6e-0b1f7c2a4d55',
  next: 'MjAyNC0wMy0xMCAwMDowMDowMCswMCA3YzllNjY3OS03NDI1LTQwZGUtOTQ0Yi1lMDdmYzFmOTBhZTc',
} as const;
