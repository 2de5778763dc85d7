/** AWS allows three values per condition and five per rule: "Listener rules" in the Application Load Balancer guide. */
export const RANGES_PER_RULE = 3;

/** The default quota of rules per load balancer, less those for closed paths, the schedule, the callback and connect links. */
const RULES_FOR_RANGES = 100 - 4;

export const MAX_RANGES = RULES_FOR_RANGES * RANGES_PER_RULE;
