import { request } from 'undici';
import type { Move } from './move.ts';
import { openResultPage } from './open-result-page.ts';
import { movePages } from './pages.ts';

/** The least that can be done: the body of one request is the body of another. */
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
