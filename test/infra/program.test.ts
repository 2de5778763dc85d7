// The whole program, run for dev and for production against clouds that answer at once: a file a concern.
// They are one test file to Jest, so that Pulumi's SDKs are loaded and each stack is run only once.
import './program/network.ts';
import './program/ingress.ts';
import './program/service.ts';
import './program/policies.ts';
import './program/schedule.ts';
import './program/alarms.ts';
import './program/warehouse.ts';
import './program/aws-values.ts';
import './program/app.ts';
