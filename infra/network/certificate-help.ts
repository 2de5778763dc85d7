/** How long AWS may take to issue the certificate. Minutes are usual, if the zone is delegated; otherwise it would never end. */
export const CERTIFICATE_MINUTES = 15;

/** What to do if the certificate is not issued. */
export function certificateHelp(domainName: string, hostedZoneId: string): string {
  return `AWS did not issue the certificate of ${domainName} within ${CERTIFICATE_MINUTES} minutes, because it cannot see the validation record. Check that the zone is delegated: the name servers of \`aws route53 get-hosted-zone --id ${hostedZoneId} --query DelegationSet.NameServers\` must be those that \`dig +short NS <name of the zone>\` prints; if not, set them at the registrar, or in the parent zone. Then run \`npm run pulumi -- up\` again.`;
}
