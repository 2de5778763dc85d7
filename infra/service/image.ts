import * as aws from '@pulumi/aws';
import * as awsx from '@pulumi/awsx';
import * as pulumi from '@pulumi/pulumi';
import type { Architecture, Settings } from '../config.ts';

/** Enough for any rollback. Each build counts twice: the image and its attestation. */
const MAX_IMAGES = 50;

const PLATFORM: Record<Architecture, string> = { ARM64: 'linux/arm64', X86_64: 'linux/amd64' };

/** The image that tasks run, referenced by digest: the tested image is the one that runs, and a new image is a new deployment. */
export class Image extends pulumi.ComponentResource {
  readonly uri: pulumi.Output<string>;
  readonly repositoryUrl: pulumi.Output<string>;
  /** the ECR repositories that ECS pulls from */
  readonly repositoryArns: pulumi.Output<string>[];
  readonly repositoryNames: pulumi.Output<string>[];

  constructor(settings: Settings, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Image', settings.name, {}, options);
    // Created even if `imageUri` is set: CI can push to it, and switching between the two loses no image.
    const repository = createRepository(this, settings);
    const { uri, architecture } = settings.image;
    this.repositoryUrl = repository.repositoryUrl;
    this.uri = uri === undefined ? build(this, settings.name, repository, architecture) : pulumi.output(uri);
    const external = uri === undefined ? undefined : ecrRepository(uri);
    this.repositoryArns = [repository.arn, ...(external ? [pulumi.output(external.arn)] : [])];
    this.repositoryNames = [repository.name, ...(external ? [pulumi.output(external.name)] : [])];
    this.registerOutputs({ uri: this.uri });
  }
}

function createRepository(parent: pulumi.Resource, { name, protect }: Settings): aws.ecr.Repository {
  const repository = new aws.ecr.Repository(
    name,
    {
      // awsx gives every build the same tag. Deployments reference the digest.
      imageTagMutability: 'MUTABLE',
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfigurations: [{ encryptionType: 'AES256' }],
      forceDelete: !protect,
    },
    { parent },
  );
  const rule = {
    rulePriority: 1,
    description: `Keep ${MAX_IMAGES}`,
    // Counts untagged images too: each build takes the tag from the previous one, which may still be running.
    selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: MAX_IMAGES },
    action: { type: 'expire' },
  };
  new aws.ecr.LifecyclePolicy(name, { repository: repository.name, policy: JSON.stringify({ rules: [rule] }) }, { parent });
  return repository;
}

/** Builds and pushes the image with Docker. @returns its URI with the digest */
function build(parent: pulumi.Resource, name: string, repository: aws.ecr.Repository, architecture: Architecture): pulumi.Output<string> {
  const image = new awsx.ecr.Image(
    name,
    // Pulumi runs the program in infra/. An absolute path would differ between machines and cause rebuilds.
    { repositoryUrl: repository.repositoryUrl, context: '..', platform: PLATFORM[architecture] },
    // The build inside this component deletes its image from ECR when it is removed, unless it inherits this option. After `imageUri` is
    // set nothing is built any more, but the previous image must remain for a rollback.
    { parent, retainOnDelete: true },
  );
  return image.imageUri;
}

/** The ECR repository of an image, in any account and region; undefined for an image in another registry. */
function ecrRepository(uri: string): { arn: string; name: string } | undefined {
  const [, account, region, name] = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([^@:]+)/.exec(uri) ?? [];
  return name ? { arn: `arn:aws:ecr:${region}:${account}:repository/${name}`, name } : undefined;
}
