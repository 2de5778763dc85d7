import * as aws from '@pulumi/aws';
import * as awsx from '@pulumi/awsx';
import * as pulumi from '@pulumi/pulumi';
import type { Architecture, Settings } from './config.ts';

/** How many images are kept: enough for any rollback that someone would want. An image counts once and once for its attestation. */
const IMAGES_KEPT = 50;

const PLATFORM: Record<Architecture, string> = { ARM64: 'linux/arm64', X86_64: 'linux/amd64' };

/** The image that tasks run, named by its digest, so that what was tested is what runs, and a new one is a new deployment. */
export class Image extends pulumi.ComponentResource {
  readonly uri: pulumi.Output<string>;
  readonly repositoryUrl: pulumi.Output<string>;
  /** the ECR repositories from which ECS may have to pull */
  readonly repositoryArns: pulumi.Output<string>[];

  constructor(settings: Settings, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Image', settings.name, {}, options);
    // There with a given image too: CI can push to it, and going back and forth loses no image.
    const repository = createRepository(this, settings);
    const { uri, architecture } = settings.image;
    this.repositoryUrl = repository.repositoryUrl;
    this.uri = uri === undefined ? build(this, settings.name, repository, architecture) : pulumi.output(uri);
    const given = uri === undefined ? undefined : repositoryArn(uri);
    this.repositoryArns = [repository.arn, ...(given ? [pulumi.output(given)] : [])];
    this.registerOutputs({ uri: this.uri });
  }
}

function createRepository(parent: pulumi.Resource, { name, protect }: Settings): aws.ecr.Repository {
  const repository = new aws.ecr.Repository(
    name,
    {
      // awsx tags every build alike; what is deployed is named by its digest.
      imageTagMutability: 'MUTABLE',
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfigurations: [{ encryptionType: 'AES256' }],
      forceDelete: !protect,
    },
    { parent },
  );
  const rule = {
    rulePriority: 1,
    description: `Keep ${IMAGES_KEPT}`,
    // Untagged ones too: each build takes the tag from the one before, which may still run.
    selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: IMAGES_KEPT },
    action: { type: 'expire' },
  };
  new aws.ecr.LifecyclePolicy(name, { repository: repository.name, policy: JSON.stringify({ rules: [rule] }) }, { parent });
  return repository;
}

/** Builds and pushes with Docker. @returns the image by its digest */
function build(parent: pulumi.Resource, name: string, repository: aws.ecr.Repository, architecture: Architecture): pulumi.Output<string> {
  const image = new awsx.ecr.Image(
    name,
    // Pulumi runs the program in infra/. The path stays relative: an absolute one would differ on each machine, and build anew.
    { repositoryUrl: repository.repositoryUrl, context: '..', platform: PLATFORM[architecture] },
    // What is in it builds, and when it goes deletes from ECR what it pushed; Pulumi's engine hands this down to it. With `imageUri` set
    // nothing is built any more, and the image that ran before must still be there to go back to.
    { parent, retainOnDelete: true },
  );
  return image.imageUri;
}

/** The repository of an image in ECR, wherever it is; undefined for another registry's. */
function repositoryArn(uri: string): string | undefined {
  const found = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([^@:]+)/.exec(uri);
  return found ? `arn:aws:ecr:${found[2]}:${found[1]}:repository/${found[3]}` : undefined;
}
