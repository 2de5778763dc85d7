import { overview } from './pages/overview.ts';
import type { Route } from './route.ts';

/** All pages, their live parts and their actions. */
export const ROUTES: readonly Route[] = [...overview];
