// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const hintSchema = "the file must be a valid protobuf schema"

// maxProtoset is the largest descriptor set that is read, in bytes.
const maxProtoset = 64 << 20

// schemaFlags give the schema of protobuf bodies.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type schemaFlags struct {
	Schema     []string `placeholder:"FILE.proto" help:"Protobuf schema of the bodies; may be repeated."`
	ImportPath []string `short:"I" placeholder:"DIR" help:"Directory of the imports of --schema; may be repeated (default: the directory of the schema)."`
	Protoset   string   `placeholder:"FILE" help:"Descriptor set as written by protoc --include_imports --descriptor_set_out."`
}

// given reports whether the user has given a schema.
func (f *schemaFlags) given() bool { return len(f.Schema) > 0 || f.Protoset != "" }

// shape returns how bodies of the content type are encoded and printed. A schema that
// is given is read even if it is not needed, so that a wrong one does not go unnoticed.
func (f *schemaFlags) shape(ctx context.Context, contentType string, raw bool, q *question) (shape, error) {
	var (
		files *protoregistry.Files
		from  string
	)
	if f.given() {
		var err error
		if files, from, err = f.load(ctx); err != nil {
			return nil, err
		}
	}
	kind := encodingOf(contentType)
	switch {
	case raw:
		return rawShape{}, nil
	case kind == encodingJSON:
		return jsonShape{}, nil
	case kind == encodingOther:
		return nil, usage("add --raw to send BODY as raw bytes",
			"BODY is JSON, but the content type is %s", contentType)
	case files != nil:
		return q.typed(files, from)
	default:
		return q.ask(ctx, contentType)
	}
}

// load reads the schema that the flags give, and returns its name too.
func (f *schemaFlags) load(ctx context.Context) (*protoregistry.Files, string, error) {
	if f.Protoset != "" && len(f.Schema) > 0 {
		return nil, "", usage("leave out one of the two", "--schema and --protoset both describe the types")
	}
	if f.Protoset != "" {
		files, err := loadProtoset(f.Protoset)
		if err != nil {
			return nil, "", usage("make it with protoc --include_imports --descriptor_set_out=FILE", "--protoset %s: %w", f.Protoset, err)
		}
		return files, f.Protoset, nil
	}
	for _, schema := range f.Schema {
		if _, err := os.Stat(schema); err != nil {
			return nil, "", usage(hintSchema, "--schema: %w", err)
		}
	}
	files, err := f.compile(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", usage("-I sets the directory of imported schemas", "--schema: %w", err)
	case err != nil:
		return nil, "", usage(hintSchema, "--schema: %w", err)
	}
	return files, strings.Join(f.Schema, ", "), nil
}

func loadProtoset(path string) (*protoregistry.Files, error) {
	data, err := readFile(path, maxProtoset)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("it is not a descriptor set: %w", err)
	}
	return protodesc.NewFiles(&set)
}

// compile compiles the schemas.
func (f *schemaFlags) compile(ctx context.Context) (*protoregistry.Files, error) {
	paths, names := append([]string(nil), f.ImportPath...), make([]string, 0, len(f.Schema))
	for _, schema := range f.Schema {
		name, found := within(f.ImportPath, schema)
		if !found {
			var folder string
			folder, name = filepath.Split(schema)
			paths = append(paths, filepath.Clean(folder)) // "" becomes "."
		}
		names = append(names, name)
	}
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: paths}),
	}
	compiled, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, err
	}
	files := new(protoregistry.Files)
	for _, file := range compiled {
		if err := register(files, file); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// within returns the path of a file relative to one of the folders, as in an import.
func within(folders []string, file string) (string, bool) {
	for _, folder := range folders {
		if name, err := filepath.Rel(folder, file); err == nil && filepath.IsLocal(name) {
			return filepath.ToSlash(name), true
		}
	}
	return "", false
}

// register adds a file and its imports.
func register(files *protoregistry.Files, file protoreflect.FileDescriptor) error {
	if _, err := files.FindFileByPath(file.Path()); !errors.Is(err, protoregistry.NotFound) {
		return nil
	}
	for i := range file.Imports().Len() {
		if err := register(files, file.Imports().Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	return files.RegisterFile(file)
}

// typesOf returns the types of the files, for Any and extensions.
func typesOf(files *protoregistry.Files) *dynamicpb.Types { return dynamicpb.NewTypes(files) }
