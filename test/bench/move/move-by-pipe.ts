import { request } from 'undici';
import type { Move } from './move.ts';
import { openResultPage } from './open-result-page.ts';
import { movePages } from './pages.ts';

/** The minimum possible work: the body of one response becomes the body of the next request. */
export const move: Move = async (errand, dispatcher) => {
  return await movePages(async (locator) => {
    const { body, ...page } = await openResultPage(errand, locator, dispatcher);
    const put = async (): Promise<void> => {
      const response = await request(`${errand.sinkUrl}/plain`, { dispatcher, method: 'PUT', body });
      await response.body.dump();
    };
    return { ...page, move: put };
  });
};
