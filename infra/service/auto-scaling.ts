import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from '../config.ts';
import type { Service } from './service.ts';

/** Minutes matter little to windows of 15 minutes or more, and every stopped task hands its runs over. */
const SCALE_OUT_SECONDS = 120;
const SCALE_IN_SECONDS = 15 * 60;

interface AutoScalingArgs {
  settings: Settings;
  service: Service;
}

/** Starts tasks up to `maxTaskCount` while runs wait for a worker, and stops them down to `taskCount`. */
export class AutoScaling extends pulumi.ComponentResource {
  constructor({ settings: { name, task, app }, service }: AutoScalingArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:AutoScaling', name, {}, options);
    const target = new aws.appautoscaling.Target(
      name,
      {
        serviceNamespace: 'ecs',
        scalableDimension: 'ecs:service:DesiredCount',
        resourceId: pulumi.interpolate`service/${service.clusterName}/${service.serviceName}`,
        minCapacity: task.count,
        maxCapacity: task.maxCount,
      },
      { parent: this },
    );
    const stat = (id: string, metricName: string, statistic: string) => ({
      id,
      metricStat: { metric: { namespace: name, metricName }, stat: statistic },
      returnData: false,
    });
    new aws.appautoscaling.Policy(
      name,
      {
        policyType: 'TargetTrackingScaling',
        serviceNamespace: target.serviceNamespace,
        scalableDimension: target.scalableDimension,
        resourceId: target.resourceId,
        targetTrackingScalingPolicyConfiguration: {
          // A task executes this many runs at a time.
          targetValue: app.workers,
          scaleOutCooldown: SCALE_OUT_SECONDS,
          scaleInCooldown: SCALE_IN_SECONDS,
          customizedMetricSpecification: {
            metrics: [
              stat('claimable', 'claimable_runs', 'Maximum'),
              stat('running', 'running_runs', 'Maximum'),
              // Every task reports once a minute, the period of these metrics.
              stat('tasks', 'running_runs', 'SampleCount'),
              { id: 'runs', label: 'Runs per task', expression: '(claimable + running) / tasks', returnData: true },
            ],
          },
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
