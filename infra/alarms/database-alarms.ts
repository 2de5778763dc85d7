import type { Settings } from '../config.ts';
import type { Database } from '../database.ts';
import { databaseMemory, maxConnections } from '../service/max-tasks.ts';
import { type Alarm, above, below, HOURS, MINUTES } from './alarm.ts';

const GIB = 1024 ** 3;

/** Alarms on the job store. */
export function databaseAlarms({ database: { storageGib, instanceClass } }: Settings, { identifier }: Database): Alarm[] {
  const source = { namespace: 'AWS/RDS', dimensions: { DBInstanceIdentifier: identifier } };
  return [
    {
      part: 'database-storage',
      description: 'The job store is nearly full',
      ...source,
      metricName: 'FreeStorageSpace',
      when: below((storageGib / 10) * GIB, 'Minimum', 5 * MINUTES, 3),
    },
    {
      part: 'database-cpu',
      description: 'The job store has used nearly all of its CPU for an hour',
      ...source,
      metricName: 'CPUUtilization',
      when: above(90, 'Average', 15 * MINUTES, 4),
    },
    {
      part: 'database-memory',
      description: 'The job store has nearly no free memory: it is slow, and may restart',
      ...source,
      metricName: 'FreeableMemory',
      when: below(Math.round(databaseMemory(instanceClass) / 20), 'Maximum', 15 * MINUTES, 2),
    },
    {
      part: 'database-connections',
      description: 'The job store has nearly no free connections',
      ...source,
      metricName: 'DatabaseConnections',
      when: above(Math.floor(maxConnections(instanceClass) * 0.9), 'Maximum', 5 * MINUTES, 3),
    },
    // Only burstable classes report credits.
    ...(instanceClass.startsWith('db.t') ? [creditsAlarm(source)] : []),
  ];
}

function creditsAlarm(source: { namespace: string; dimensions: { DBInstanceIdentifier: Database['identifier'] } }): Alarm {
  return {
    part: 'database-credits',
    description: 'The job store has used up its CPU credits: it is slow or costs more',
    ...source,
    metricName: 'CPUCreditBalance',
    // A new instance starts with none, and the smallest earns twelve an hour.
    when: { ...below(20, 'Maximum', HOURS, 3), treatMissingData: 'notBreaching' },
  };
}
