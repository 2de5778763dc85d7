/** AWS takes three values in a condition, and five in all conditions of a rule: "Listener rules" in its guide to Application Load Balancers. */
export const RANGES_PER_RULE = 3;

/** What a load balancer takes, if AWS raises no quota, less the rule of what is closed and the schedule's. */
const RULES_FOR_RANGES = 100 - 2;

export const MAX_RANGES = RULES_FOR_RANGES * RANGES_PER_RULE;
