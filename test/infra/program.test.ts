// The whole program, for dev and for production, against stand-ins for the clouds: one file per concern.
// Jest sees a single test file, so that Pulumi's SDKs are loaded once and each stack runs once.
import './program/network.ts';
import './program/no-load-balancer.ts';
import './program/ingress.ts';
import './program/service.ts';
import './program/policies.ts';
import './program/security.ts';
import './program/schedule.ts';
import './program/alarms.ts';
import './program/image-findings.ts';
import './program/auto-scaling.ts';
import './program/warehouse.ts';
import './program/aws-values.ts';
import './program/app.ts';
