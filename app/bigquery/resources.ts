import type types from '@google-cloud/bigquery/build/src/types.js';

/** The resources of BigQuery's REST API, as its discovery document describes them. */
export type Job = types.default.IJob;
export type Table = types.default.ITable;
export type TableField = types.default.ITableFieldSchema;
export type Dataset = types.default.IDataset;
