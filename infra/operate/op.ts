import { preflight } from './preflight.ts';
import { runAttached } from './program.ts';
import { rotate } from './rotate.ts';
import type { Finding } from './run-checks.ts';
import { runCommand } from './run-command.ts';
import { smoke } from './smoke.ts';
import { awsIn, readStack, readStackConfig } from './stack.ts';
import { realTools } from './tools.ts';
import { tunnelArguments } from './tunnel.ts';

const USAGE = `npm run op -- preflight   checks what the first \`up\` needs, before it creates anything
npm run op -- smoke       checks that the selected stack works
npm run op -- tunnel      opens http://localhost:4444 to the service, for a stack without a load balancer
npm run op -- rotate tick|token   takes the next step in the rotation of the schedule's key, or of the key that seals tokens
npm run op -- <command>   runs a command of the app once, in a separate task; \`node app/cli.ts\` lists the commands`;

process.exitCode = await main(process.argv.slice(2));

async function main([command, ...args]: string[]): Promise<number> {
  if (!command || command.startsWith('-')) {
    console.error(USAGE);
    return 2;
  }
  try {
    if (command === 'preflight') return report(await preflight(await readStackConfig(), realTools));
    const stack = await readStack();
    const aws = awsIn(stack.region);
    const print = (line: string) => console.log(line);
    if (command === 'tunnel') return await runAttached('aws', await tunnelArguments(stack, aws));
    if (command === 'rotate') return await rotate(args[0], stack, aws, print);
    if (command !== 'smoke') return await runCommand(stack, aws, [command, ...args], print);
    return report(await smoke(stack, aws, process.env.SYNC_API_KEY, print));
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

/** Prints the result of each check. @returns the exit code: warnings do not count */
function report(findings: Finding[]): number {
  for (const { check, fault, warning } of findings) {
    if (fault) console.log(`✗ ${check}: ${fault}`);
    else console.log(warning ? `! ${check}: ${warning}` : `✓ ${check}`);
  }
  return findings.some(({ fault }) => fault) ? 1 : 0;
}
