export const SIGN_IN_PATH = '/console/sign-in';

/** An address within the console, as a form or a link names it: anything else is the overview. */
export function returnAddress(address: string | null | undefined): string {
  const isOurs = address && /^\/console(?:[/?][\w/?&=%.~:,*+-]*)?$/.test(address) && !/\.\.|%2e/i.test(address);
  return isOurs && !address.startsWith(SIGN_IN_PATH) ? address : '/console';
}
