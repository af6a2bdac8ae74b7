#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# make_db.pl OUT < CSV: a City-type database. Lines: network,city,country,continent,lat,lon,radius
# with empty fields where a record shall lack something; "network" alone gives an empty record.
# TYPE: its type; of one with "ASN" lines are: network,number,name.
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

my $out = shift or die "usage: make_db.pl OUT < CSV\n";
my %type = (
    (map { $_ => 'map' } qw(city continent country location names)),
    latitude => 'double', longitude => 'double', accuracy_radius => 'uint16',
    autonomous_system_number => 'uint32',
);
my $is_asn = ($ENV{TYPE} // '') =~ /ASN/;
my $tree = MaxMind::DB::Writer::Tree->new(
    ip_version => 6, record_size => 28, remove_reserved_networks => 0, languages => ['en'],
    database_type => $ENV{TYPE} // 'Test-City', description => { en => 'test' },
    map_key_type_callback => sub { $type{ $_[0] } || 'utf8_string' },
);
while (my $line = <STDIN>) {
    chomp $line;
    next if $line =~ /^\s*(#|$)/;
    my ($network, $city, $country, $continent, $lat, $lon, $radius) = split /,/, $line, -1;
    my %record;
    if ($is_asn) {
        $tree->insert_network($network, { autonomous_system_number => $city,
                                          autonomous_system_organization => $country });
        next;
    }
    $record{city}      = { names    => { en => $city } } if length($city // '');
    $record{country}   = { iso_code => $country }        if length($country // '');
    $record{continent} = { code     => $continent }      if length($continent // '');
    if (length($lat // '')) {
        $record{location} = { latitude => $lat, longitude => $lon };
        $record{location}{accuracy_radius} = $radius if length($radius // '');
    }
    $tree->insert_network($network, \%record);
}
open my $file, '>:raw', $out or die "$out: $!\n";
$tree->write_tree($file);
close $file or die "$out: $!\n";
