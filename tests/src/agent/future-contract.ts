import { clone, create, createFileRegistry, ScalarType } from "@bufbuild/protobuf";
import type { DescMessage, DescService, FileRegistry, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import {
  DescriptorProtoSchema,
  EnumValueDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as FieldType,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import type { DescriptorProto } from "@bufbuild/protobuf/wkt";
import { AgentService } from "@cpm/agent-client/contract";

/** Of the field that every message gets. */
const futureField = 5000;
const futureName = "from_the_future";

/** The contract as a later version may have it: a field in every message, a value in every enum and a call more. */
export class FutureContract {
  readonly #registry: FileRegistry;

  constructor() {
    const file = clone(FileDescriptorProtoSchema, AgentService.file.proto);
    for (const message of file.messageType) addField(message);
    for (const { value, name } of file.enumType)
      value.push(create(EnumValueDescriptorProtoSchema, { name: `${name}_FUTURE`, number: 99 }));
    const type = { inputType: ".cpm.agent.v1.GetInfoRequest", outputType: ".cpm.agent.v1.GetInfoResponse" };
    for (const { method } of file.service)
      method.push(create(MethodDescriptorProtoSchema, { name: "Prophesy", ...type }));
    const dependencies = AgentService.file.dependencies.map(({ proto }) => proto);
    this.#registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...dependencies, file] }));
  }

  get service(): DescService {
    const found = this.#registry.getService(AgentService.typeName);
    if (found === undefined) throw new TypeError("the contract has no service");
    return found;
  }

  /** A message of the future with everything set, nested ones too; of alternatives the last. */
  filled(type: DescMessage): Message {
    return this.#fill(type, 0).message;
  }

  /** The same values, and something of the future in every message that they hold. */
  withFutureFields(type: DescMessage, message: Message): Message {
    mark(reflect(type, message));
    return message;
  }

  #fill(type: DescMessage, depth: number): ReflectMessage {
    const filled = reflect(type);
    for (const field of type.fields) {
      if (field.fieldKind === "message" && depth < 4) filled.set(field, this.#fill(field.message, depth + 1));
      if (field.fieldKind === "scalar") filled.set(field, sample(field.scalar));
      if (field.fieldKind === "enum") filled.set(field, 99);
      if (field.fieldKind === "list" && field.listKind === "scalar") filled.get(field).add("text");
    }
    return filled;
  }
}

/** Of the types that the contract uses: text, truth values, and numbers of 32 and 64 bits. */
function sample(scalar: ScalarType): string | boolean | number | bigint {
  if (scalar === ScalarType.STRING) return "text";
  if (scalar === ScalarType.BOOL) return true;
  return scalar === ScalarType.UINT64 || scalar === ScalarType.INT64 ? 7n : 7;
}

function addField(message: DescriptorProto): void {
  const { STRING } = FieldType;
  const field = {
    name: futureName,
    number: futureField,
    type: STRING,
    label: Label.OPTIONAL,
    jsonName: "fromTheFuture",
  };
  message.field.push(create(FieldDescriptorProtoSchema, field));
  for (const nested of message.nestedType) addField(create(DescriptorProtoSchema, nested));
}

function mark(message: ReflectMessage): void {
  for (const field of message.desc.fields) {
    if (field.name === futureName) message.set(field, "yes");
    else if (field.fieldKind === "message" && message.isSet(field)) mark(message.get(field));
  }
}
