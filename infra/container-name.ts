/** The container's name, and the first part of its log streams'. */
export const CONTAINER = 'app';
