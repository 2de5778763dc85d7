/** The names of a job's table of versions and of its view consist of its target table's name and these. */
export const VERSIONS_SUFFIX = '_versions';
export const VERSIONS_VIEW_SUFFIX = '_versions_valid';
