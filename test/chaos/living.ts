import type { Fleet } from './fleet.ts';
import type { OrgLife } from './org-life.ts';
import type { Watermarks } from './watermarks.ts';

/** What a world consists of while time passes. */
export interface Living {
  fleet: Fleet;
  watermarks: Watermarks;
  life: OrgLife;
}
