/** The container's name, and the prefix of its log streams. */
export const CONTAINER = 'app';
