import type { ByteSource } from "@cpm/base";

/**
 * A body of these bytes, asked for a piece when one was taken. The first is read before it is answered, so that what
 * is lost is told by the status; what fails later breaks the body off.
 */
export async function startedStream(source: ByteSource): Promise<ReadableStream<Uint8Array>> {
  const iterator = source[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array> | undefined = await iterator.next();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = first ?? (await iterator.next());
        first = undefined;
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
