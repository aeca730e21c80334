import type { Random } from '../../local/demo/random';
import { sleep } from '../../runtime/retry';
import { partNames, type Bundle, type PartName } from './bundle';
import type { Middleware, Proxy } from './proxy';
import {
  answerAfterwards,
  answerInstead,
  badGateway,
  clickHouseErrors,
  cutAnswer,
  delayed,
  dynamoErrors,
  isInsert,
  isOperation,
  loseAnswer,
  only,
  sometimes,
} from './proxy-faults';

/** Mends what a fault broke; the process or engine may still need a moment then. */
export type Heal = () => void | Promise<void>;

export type Fault = {
  name: string;
  /** One line, for `--list`. */
  about: string;
  /** Breaks something, and returns how to mend it. What is drawn at random comes from `random`. */
  inject(bundle: Bundle, random: Random): Promise<Heal> | Heal;
};

const killed =
  (...names: PartName[]): Fault['inject'] =>
  async ({ parts }) => {
    const heals = await Promise.all(names.map((name) => parts[name].kill()));
    return async () => {
      await Promise.all(heals.map((heal) => heal()));
    };
  };

const both =
  (first: Heal, second: Heal): Heal =>
  async () => {
    await first();
    await second();
  };

const onClickHouse =
  (make: (random: Random) => Middleware): Fault['inject'] =>
  ({ proxies }, random) =>
    proxies.clickHouse.add(make(random));

/** On DynamoDB as one of our processes sees it, or as both do. */
const onDynamo =
  (make: (random: Random) => Middleware): Fault['inject'] =>
  ({ proxies }, random) => {
    const hit: Proxy[] = random.pick([
      [proxies.ingestDynamo],
      [proxies.replicatorDynamo],
      [proxies.ingestDynamo, proxies.replicatorDynamo],
    ]);
    const heals = hit.map((proxy) => proxy.add(make(random)));
    return () => heals.forEach((heal) => heal());
  };

const hourMs = 3_600_000;

/** Whatever breaks in the bundle. The schedule says when and for how long. */
export const faults: readonly Fault[] = [
  { name: 'kill-ingest', about: 'kill -9 of ingest, in the middle of requests', inject: killed('ingest') },
  { name: 'kill-replicator', about: 'kill -9 of the replicator', inject: killed('replicator') },
  { name: 'kill-clickhouse', about: 'kill -9 of the embedded ClickHouse', inject: killed('clickhouse') },
  { name: 'kill-dynamodb', about: 'kill -9 of the DynamoDB emulator', inject: killed('dynamodb') },
  {
    name: 'kill-several',
    about: 'kill -9 of two to four processes at once',
    inject: (bundle, random) =>
      killed(...random.sample(partNames, random.int(2, partNames.length)))(bundle, random),
  },
  {
    name: 'kill-while-holding',
    about: 'ClickHouse takes nothing, and the replicator is killed with a page in its hands',
    inject: async ({ parts, proxies }, random) => {
      const { outOfDisk, keeperLost } = clickHouseErrors;
      const full = answerInstead(random.pick([outOfDisk, keeperLost]));
      const heal = proxies.clickHouse.add(only(isInsert, full));
      await sleep(random.between(500, 900));
      return both(await parts.replicator.kill(), heal);
    },
  },
  {
    name: 'restart',
    about: 'SIGTERM to ingest or the replicator, as a deployment does; requests in flight must finish',
    inject: ({ parts }, random) => random.pick([parts.ingest, parts.replicator]).terminate(),
  },
  {
    name: 'freeze',
    about: 'SIGSTOP of one process: its connections stay open and nothing comes back',
    inject: ({ parts }, random) => parts[random.pick(partNames)].freeze(),
  },
  {
    name: 'clickhouse-slow',
    about: 'ClickHouse takes 0.3 to 2 s for each request',
    inject: onClickHouse((random) => delayed(random, 300, 2_000)),
  },
  {
    name: 'clickhouse-refuses',
    about: 'nothing listens where ClickHouse was; connections that were open are cut',
    inject: ({ proxies }) => proxies.clickHouse.refuse(),
  },
  {
    name: 'clickhouse-ambiguous',
    about: 'ClickHouse takes an insert, and 500, 502, a cut connection or half an answer comes back',
    inject: onClickHouse((random) => {
      const lies: Middleware[] = [
        answerAfterwards(clickHouseErrors.unknownStatusOfInsert),
        answerAfterwards(clickHouseErrors.memoryLimit),
        answerAfterwards(badGateway),
        loseAnswer(() => random.between(0, 300)),
        cutAnswer,
      ];
      return only(isInsert, sometimes(random, 1, lies));
    }),
  },
  {
    name: 'clickhouse-out-of-disk',
    about: 'ClickHouse refuses every insert with code 243, 252, 241 or 999',
    inject: onClickHouse((random) => {
      const { outOfDisk, tooManyParts, memoryLimit, keeperLost } = clickHouseErrors;
      const answer = random.pick([outOfDisk, outOfDisk, tooManyParts, memoryLimit, keeperLost]);
      return only(isInsert, answerInstead(answer));
    }),
  },
  {
    name: 'dynamodb-throttles',
    about: 'DynamoDB throttles 30 to 100 % of the calls, or answers 500 and 503',
    inject: onDynamo((random) => {
      const share = random.pick([0.3, 0.7, 1]);
      return sometimes(random, share, Object.values(dynamoErrors).map(answerInstead));
    }),
  },
  {
    name: 'dynamodb-refuses',
    about: 'nothing listens where DynamoDB was',
    inject: async ({ proxies }, random) => {
      const heal = await proxies.ingestDynamo.refuse();
      return random.chance(0.5) ? heal : both(heal, await proxies.replicatorDynamo.refuse());
    },
  },
  {
    name: 'dynamodb-ambiguous',
    about: 'DynamoDB writes, and the connection is cut, half an answer comes, or 500',
    inject: onDynamo((random) => {
      const lies: Middleware[] = [
        loseAnswer(() => random.between(0, 200)),
        cutAnswer,
        answerAfterwards(dynamoErrors.internal),
        answerAfterwards(dynamoErrors.throughput),
      ];
      return sometimes(random, random.pick([0.3, 0.8]), lies);
    }),
  },
  {
    name: 'dynamodb-times-out',
    about: "DynamoDB writes, and its answer never comes within ingest's 8 s; or the write itself comes late",
    inject: ({ proxies }, random) => {
      const lost = loseAnswer(() => random.between(5_000, 9_000));
      const late = delayed(random, 1_000, 9_000);
      return proxies.ingestDynamo.add(only(isOperation('UpdateItem'), sometimes(random, 0.15, [lost, late])));
    },
  },
  {
    name: 'stream-trimmed',
    about: 'records are trimmed from the stream before anybody has read them',
    inject: async ({ proxies, streams }) => {
      // Some records have to wait, so that there is something to lose.
      const heal = proxies.replicatorDynamo.add(
        only(isOperation('GetRecords'), answerInstead(dynamoErrors.throttled)),
      );
      await sleep(400);
      streams.trimSoon();
      heal();
      return () => undefined;
    },
  },
  {
    name: 'trimmed-while-away',
    about:
      'the replicator is killed, records are trimmed meanwhile, and again it is killed while it copies the table',
    inject: async ({ parts, streams }, random) => {
      const first = await parts.replicator.kill();
      streams.trimSoon();
      await sleep(300);
      await first();
      await sleep(random.between(900, 2_000));
      return parts.replicator.kill();
    },
  },
  {
    name: 'iterators-expire',
    about: 'every shard iterator expires at once',
    inject: ({ streams }) => {
      streams.expireIterators();
      return () => streams.expireIterators();
    },
  },
  {
    name: 'shard-splits',
    about: 'an open shard ends and goes on as two, by hash of the key',
    inject: ({ streams }) => {
      streams.splitSoon();
      return () => undefined;
    },
  },
  {
    name: 'split-and-kill',
    about: 'a shard splits, and the replicator is killed before it has read it to its end',
    inject: async ({ parts, streams }, random) => {
      streams.splitSoon();
      await sleep(random.between(300, 700));
      return parts.replicator.kill();
    },
  },
  {
    name: 'two-replicators',
    about: 'a second replicator runs beside the first; then one of them is killed',
    inject: async (bundle, random) => {
      const second = bundle.createSecondReplicator();
      await second.start();
      return async () => {
        if (random.chance(0.5)) {
          const back = await bundle.parts.replicator.kill();
          await sleep(500);
          await back();
        }
        await second.end();
      };
    },
  },
  {
    name: 'clock-jumps',
    about:
      'the clock of ingest or the replicator jumps by seconds, hours or days, forward or back, and back again',
    inject: (bundle, random) => {
      const offsetMs = Math.round(
        random.pick([2_000, 90_000, 6 * hourMs, 40 * hourMs]) * random.between(0.5, 1) * random.pick([-1, 1]),
      );
      const hit = random.pick<('ingest' | 'replicator')[]>([
        ['ingest'],
        ['replicator'],
        ['ingest', 'replicator'],
      ]);
      for (const part of hit) bundle.setClock(part, offsetMs);
      return () => hit.forEach((part) => bundle.setClock(part, 0));
    },
  },
];

export const findFault = (name: string): Fault | undefined => faults.find((fault) => fault.name === name);
